"""Tests of the detector of spikes, drops and silence."""
