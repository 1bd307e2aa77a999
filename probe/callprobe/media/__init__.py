"""Flow machines, schedules and packet records; pure."""
