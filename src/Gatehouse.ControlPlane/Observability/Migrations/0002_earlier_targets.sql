-- Tokens and cost that other targets than the call's last one used, as JSON; NULL for the usual call.
ALTER TABLE observability_ledger ADD COLUMN earlier_targets TEXT NULL;
