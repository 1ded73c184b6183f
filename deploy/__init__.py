"""Running it: settings, packaged resources, the embedded deployment and its commands."""
