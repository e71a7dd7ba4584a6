"""The training side of cooptag: articles to labelled dataset to fine-tuned, calibrated, exported model."""
