"""The edge: sources are read, persons replaced by tokens, events sent. No identifier goes further than this."""
