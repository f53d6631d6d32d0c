-- Files that clients sent (their content in batches_chunk) or that a batch made (their content is its results of one part).
CREATE TABLE batches_file (
    team_id UUID NOT NULL,
    system_id UUID NOT NULL,
    environment TEXT NOT NULL,
    id TEXT NOT NULL,
    purpose TEXT NOT NULL,
    name TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    is_complete BOOLEAN NOT NULL,
    batch_id TEXT NULL,
    part TEXT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (team_id, system_id, environment, id));

CREATE INDEX batches_file_expires ON batches_file (expires_at);

CREATE TABLE batches_chunk (
    team_id UUID NOT NULL,
    file_id TEXT NOT NULL,
    number BIGINT NOT NULL,
    content BYTEA NOT NULL,
    PRIMARY KEY (team_id, file_id, number));

-- fence rises with every lease: what an earlier holder writes is refused. keep_until_at is set when the batch has ended.
CREATE TABLE batches_batch (
    team_id UUID NOT NULL,
    system_id UUID NOT NULL,
    environment TEXT NOT NULL,
    id TEXT NOT NULL,
    format TEXT NOT NULL,
    key_id UUID NOT NULL,
    endpoint TEXT NOT NULL,
    input_id TEXT NOT NULL,
    headers TEXT NOT NULL,
    metadata TEXT NULL,
    errors TEXT NULL,
    status TEXT NOT NULL,
    total BIGINT NOT NULL,
    succeeded BIGINT NOT NULL,
    errored BIGINT NOT NULL,
    cancelled BIGINT NOT NULL,
    expired BIGINT NOT NULL,
    output_id TEXT NULL,
    error_id TEXT NULL,
    keep_seconds BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    in_progress_at BIGINT NULL,
    finalizing_at BIGINT NULL,
    cancelling_at BIGINT NULL,
    ended_at BIGINT NULL,
    keep_until_at BIGINT NULL,
    lease_node TEXT NULL,
    lease_until_at BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    PRIMARY KEY (team_id, system_id, environment, id));

CREATE INDEX batches_batch_open ON batches_batch (created_at) WHERE ended_at IS NULL;

CREATE INDEX batches_batch_kept ON batches_batch (keep_until_at) WHERE keep_until_at IS NOT NULL;

-- One result for each line, whoever ran it.
CREATE TABLE batches_result (
    team_id UUID NOT NULL,
    batch_id TEXT NOT NULL,
    line BIGINT NOT NULL,
    part TEXT NOT NULL,
    content BYTEA NOT NULL,
    PRIMARY KEY (team_id, batch_id, line));
