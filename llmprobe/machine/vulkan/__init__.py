"""
The Vulkan loader's answer: its devices as records, the numbers that llama.cpp gives them, and their memory.
"""
