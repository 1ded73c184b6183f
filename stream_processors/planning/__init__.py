"""What a programme would publish, from headcounts and an expected response, before anything is fielded."""
