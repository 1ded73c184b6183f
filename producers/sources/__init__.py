"""Where answers come from: readers of survey exports, each row ending as drafts or refusals."""
