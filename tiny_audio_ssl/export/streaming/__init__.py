"""Streams: artifacts that map a packet of sound and a state to the embedding of the last window.

- `stream_encoder`: the encoder for packets
- `packet_frontend`: the log-mel of a packet, with few operators
- `packet_convolutions`: kernels without columns that only see padding
- `window_readout`: pooling over the packets of a window
- `to_stream`: write and check stream artifacts
- `stream_runtime`: run a stream artifact
- `product_stream`: streams of the outputs of a task beside the embedding
"""
