-- charged_nanos: what budgets took where it is not the cost. end_user: only where a budget or limit looks at end users.
-- first_cost_nanos, repriced_at: the cost as it was before the first re-pricing, and the time of the last.
-- audio_input_tokens, image_input_tokens, audio_output_tokens: NULL before they were counted. service_tier: in the provider's word.
ALTER TABLE observability_ledger ADD COLUMN audio_input_tokens BIGINT NULL;
ALTER TABLE observability_ledger ADD COLUMN image_input_tokens BIGINT NULL;
ALTER TABLE observability_ledger ADD COLUMN audio_output_tokens BIGINT NULL;
ALTER TABLE observability_ledger ADD COLUMN service_tier TEXT NULL;
ALTER TABLE observability_ledger ADD COLUMN charged_nanos BIGINT NULL;
ALTER TABLE observability_ledger ADD COLUMN end_user TEXT NULL;
ALTER TABLE observability_ledger ADD COLUMN first_cost_nanos BIGINT NULL;
ALTER TABLE observability_ledger ADD COLUMN repriced_at BIGINT NULL;
