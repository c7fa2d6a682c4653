"""What operators see and do: ``/api/operator``."""
