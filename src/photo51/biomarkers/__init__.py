"""biomarkers."""
