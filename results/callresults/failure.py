"""The closed list of failure strings (OONI df-007 for what it names; ours for the media plane)."""

from enum import StrEnum


class Failure(StrEnum):
    """Why an observation failed; ``null`` in a record means that it did not.

    A public contract: strings are added, never renamed or re-used.
    """

    GENERIC_TIMEOUT = "generic_timeout_error"
    CONNECTION_REFUSED = "connection_refused"
    CONNECTION_RESET = "connection_reset"
    HOST_UNREACHABLE = "host_unreachable"
    NETWORK_UNREACHABLE = "network_unreachable"
    EOF = "eof_error"
    DNS_NXDOMAIN = "dns_nxdomain_error"
    DNS_NO_ANSWER = "dns_no_answer"
    DNS_TEMPORARY = "dns_temporary_failure"
    SSL_FAILED_HANDSHAKE = "ssl_failed_handshake"
    SSL_INVALID_CERTIFICATE = "ssl_invalid_certificate"
    SSL_INVALID_HOSTNAME = "ssl_invalid_hostname"
    SSL_UNKNOWN_AUTHORITY = "ssl_unknown_authority"
    HTTP_UNEXPECTED_STATUS = "http_unexpected_status"
    STUN_TIMEOUT = "stun_timeout"
    STUN_ERROR_RESPONSE = "stun_error_response"
    TURN_TIMEOUT = "turn_timeout"
    TURN_UNAUTHORIZED = "turn_unauthorized"
    REFLECTOR_TIMEOUT = "reflector_timeout"
    RELAY_ALLOCATION_TIMEOUT = "relay_allocation_timeout"
    UDP_ECHO_TIMEOUT = "udp_echo_timeout"
    ICE_FAILED = "ice_failed"
    DTLS_TIMEOUT = "dtls_timeout"
    DTLS_ALERT_RECEIVED = "dtls_alert_received"
    MEDIA_NEVER_ARRIVED = "media_never_arrived"
    MEDIA_STALLED = "media_stalled"
    SESSION_REFUSED = "session_refused"
    SESSION_UNREACHABLE = "session_unreachable"
    RESPONDER_VIEW_MISSING = "responder_view_missing"
    LOCAL_SEND_ERROR = "local_send_error"
    NOT_ALLOWED_BY_LOCAL_GUARD = "not_allowed_by_local_guard"
    INTERRUPTED = "interrupted"
    UNKNOWN = "unknown_failure"
