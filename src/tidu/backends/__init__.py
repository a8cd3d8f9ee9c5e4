"""Graph to Program. A backend schedules; it never changes the algebra."""
