"""What browsers write of their calls: webrtc-internals and RTCStatsDump."""
