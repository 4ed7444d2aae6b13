-- Open runs of workflows that limit how many of them go on at a time. Runs with the same lane take turns: `lane_place` is 0 for
-- those that have their turn, counts up for those that wait, and is null for those that have not come to the lane yet.
ALTER TABLE runs ADD COLUMN lane TEXT;
ALTER TABLE runs ADD COLUMN lane_limit INTEGER;
ALTER TABLE runs ADD COLUMN lane_place INTEGER;
CREATE INDEX runs_in_lanes ON runs (org_id, lane, lane_place) WHERE lane_place IS NOT NULL;

-- What PostgreSQL has in a table of its own.
CREATE VIEW open_runs AS
    SELECT org_id, id, lane, lane_limit, lane_place FROM runs WHERE due_at IS NOT NULL;
