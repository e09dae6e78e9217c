-- Runs of jobs and routines that had ended before such runs were deleted: 30 days after their end.
INSERT OR IGNORE INTO alarm (kind, id, name, at)
SELECT kind, id, 'delete', at + 30 * 86400000000
FROM journal
WHERE type IN ('job_run.ended', 'job_run.forestalled', 'routine_run.ended');
