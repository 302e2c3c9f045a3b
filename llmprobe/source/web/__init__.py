"""
Models on web servers: a client with limits, files read in parts, the Hugging Face Hub.
"""
