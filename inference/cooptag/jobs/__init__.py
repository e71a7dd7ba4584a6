"""Batch jobs: files in, tagged sentences out, whatever happens on the way."""
