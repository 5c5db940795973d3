-- Whether a grant came of a device code: somebody else's device may have talked its person into it.
ALTER TABLE family ADD COLUMN by_device INTEGER NOT NULL DEFAULT 0;
UPDATE family SET by_device = 1 WHERE id IN (SELECT family_id FROM device_code WHERE family_id IS NOT NULL);
