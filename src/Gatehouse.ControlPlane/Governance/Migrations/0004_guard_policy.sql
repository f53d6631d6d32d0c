-- guard_policy: the policy that was chosen for the system in this environment; NULL where nobody chose.
ALTER TABLE governance_policy ADD COLUMN guard_policy TEXT;
