"""What a person is told: who captured, calls, stages, the story, the page."""
