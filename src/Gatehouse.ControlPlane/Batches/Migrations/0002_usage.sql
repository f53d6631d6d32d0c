-- Tokens of all answers so far, kept in the transaction that keeps the answers.
ALTER TABLE batches_batch ADD COLUMN input_tokens BIGINT NOT NULL DEFAULT 0;
ALTER TABLE batches_batch ADD COLUMN cached_tokens BIGINT NOT NULL DEFAULT 0;
ALTER TABLE batches_batch ADD COLUMN output_tokens BIGINT NOT NULL DEFAULT 0;
ALTER TABLE batches_batch ADD COLUMN reasoning_tokens BIGINT NOT NULL DEFAULT 0;
