-- What only PostgreSQL can do. Both extensions are trusted since PostgreSQL 13: CREATE on the database is enough.
-- S0-12: UUIDs by its own name, beside gen_random_uuid(), which needs no extension.
CREATE EXTENSION IF NOT EXISTS "uuid-ossp";
-- S0-13: finding a slug that was mistyped.
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE INDEX links_custom_slug_trgm ON links USING gin (custom_slug gin_trgm_ops);
