-- Rights are set by the security administrator through the service too; the three administrators' powers stay separate
-- whoever writes the table, and the public never sees persons.
ALTER TABLE access.right ADD CONSTRAINT powers_are_separate CHECK (
  CASE role WHEN 'system_admin' THEN collection IN ('service', 'jobs') AND fields = '{public}'
            WHEN 'security_admin' THEN collection IN ('accounts', 'rights', 'keys') AND fields = '{public}'
            WHEN 'audit_admin' THEN collection = 'audit' AND fields = '{public}'
            WHEN 'public' THEN fields = '{public}'
            ELSE true END);
ALTER TABLE access.right ENABLE ROW LEVEL SECURITY;
ALTER TABLE access.right FORCE ROW LEVEL SECURITY;
CREATE POLICY readable ON access.right FOR SELECT USING (true);
CREATE POLICY kept ON access.right USING ((SELECT private.acting_role()) IN ('system', 'security_admin'))
  WITH CHECK ((SELECT private.acting_role()) IN ('system', 'security_admin'));
GRANT INSERT, UPDATE ON access.right TO twin_app;
