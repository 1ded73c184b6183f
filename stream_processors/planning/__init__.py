"""What a programme will be able to see, found out before anybody is asked: docs/programme.md."""
