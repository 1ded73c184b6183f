"""Ed25519 signatures of control events: the edge signs, the worker verifies. Keys are raw 32-byte values."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


def sign(private: bytes, value: bytes) -> bytes:
    """The 64-byte signature of a value."""
    return Ed25519PrivateKey.from_private_bytes(private).sign(value)


def public_key(private: bytes) -> bytes:
    """The key that verifies what `private` signs."""
    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def verify(public: bytes, value: bytes, signature: bytes | None) -> bool:
    """Whether the signature is there and is this key's for exactly this value."""
    if signature is None:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, value)
    except InvalidSignature:
        return False
    return True
