"""The whole thread on the small sample: from photos to one click, walked as docs/demo.md says."""
