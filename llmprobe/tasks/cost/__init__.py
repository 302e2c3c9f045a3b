"""
What running a model costs: here, on other hardware, rented, or by API.
"""
