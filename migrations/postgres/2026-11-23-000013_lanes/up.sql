-- Runs of workflows that limit how many of them go on at a time. Runs with the same lane take turns: `lane_place` is 0 for
-- those that have their turn, counts up for those that wait, and is null for those that have not come to the lane yet.
ALTER TABLE open_runs ADD COLUMN lane text COLLATE "C", ADD COLUMN lane_limit bigint, ADD COLUMN lane_place bigint;
CREATE INDEX open_runs_in_lanes ON open_runs (org_id, lane, lane_place) WHERE lane_place IS NOT NULL;
