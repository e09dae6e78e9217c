"""The bookings of a compute resource, and the time that runs and partners reserve there."""
