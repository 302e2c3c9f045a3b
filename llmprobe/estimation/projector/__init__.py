"""
What a projector takes: its weights, and the buffers of the encoder's graph.

llama.cpp loads a projector whole onto one device, with inputs on the host, and reserves the graph of one image or
sound when it starts. A larger image makes the buffers grow. Source: llama.cpp b11549, tools/mtmd/clip.cpp.
"""
