"""The contract: events, topics, policy, organisation, instruments and tables.

Everything here is pydantic and the standard library only; nothing reads a file, a clock or a socket.
"""
