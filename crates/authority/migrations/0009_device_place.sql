-- Codes are counted by the place that asks for them.
CREATE INDEX device_code_place ON device_code (place, created_at);
