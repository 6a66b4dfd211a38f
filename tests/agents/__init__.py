"""The agents without Faust: what is acknowledged, when, and what happens when something fails."""
