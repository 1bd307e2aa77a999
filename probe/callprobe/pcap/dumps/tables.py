"""Tables by which rtcstats-js shortens names in an RTCStatsDump: methods, types and figures as numbers.

Numbers are never assigned anew, and what is not in a table is written out. Only names that are read here are
listed. Source: ``compression.js`` of rtcstats-shared, as of its protocol 5.0.
"""

from typing import Final

METHODS: Final[dict[object, str]] = {
    "g": "getStats",
    "getstats": "getStats",
    1: "getStats",
    10: "addIceCandidate",
    20: "onicecandidate",
    21: "onicecandidateerror",
    24: "oniceconnectionstatechange",
    25: "onconnectionstatechange",
    36: "close",
    39: "create",
}
TYPES: Final[dict[object, str]] = {
    1: "inbound-rtp",
    2: "outbound-rtp",
    3: "remote-inbound-rtp",
    5: "transport",
    6: "candidate-pair",
    7: "local-candidate",
    8: "remote-candidate",
    14: "codec",
}
FIGURES: Final[dict[str, str]] = {
    "6": "mimeType",
    "11": "kind",
    "12": "codecId",
    "14": "packetsReceived",
    "15": "packetsLost",
    "16": "jitter",
    "20": "framesDecoded",
    "22": "framesDropped",
    "32": "freezeCount",
    "33": "totalFreezesDuration",
    "36": "packetsDiscarded",
    "41": "bytesReceived",
    "42": "nackCount",
    "44": "pliCount",
    "51": "totalSamplesReceived",
    "52": "concealedSamples",
    "54": "concealmentEvents",
    "74": "localId",
    "75": "roundTripTime",
    "77": "fractionLost",
    "79": "packetsSent",
    "80": "bytesSent",
    "85": "retransmittedPacketsSent",
    "116": "protocol",
    "118": "state",
    "123": "dtlsState",
    "125": "selectedCandidatePairId",
    "128": "tlsVersion",
    "129": "dtlsCipher",
    "131": "srtpCipher",
    "134": "address",
    "136": "candidateType",
    "139": "relayProtocol",
    "148": "localCandidateId",
    "149": "remoteCandidateId",
    "150": "nominated",
    "152": "currentRoundTripTime",
    "156": "requestsSent",
    "157": "responsesReceived",
}
"""Keys of a JSON object, so texts."""
