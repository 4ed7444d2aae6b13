-- What a hook is set up to do, as a JSON object; how its requests are verified is one of its settings.
ALTER TABLE hooks ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
UPDATE hooks SET settings = json_object('verification', json(verification)) WHERE verification IS NOT NULL;
ALTER TABLE hooks DROP COLUMN verification;
