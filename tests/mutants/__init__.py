"""Known ways to break the promise, each tried on a second copy of the code: something must object to every one."""
