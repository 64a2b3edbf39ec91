CREATE FUNCTION add_them(a integer, b integer DEFAULT 10) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT a + b';
CREATE FUNCTION people_in(land text) RETURNS SETOF people LANGUAGE sql STABLE AS 'SELECT * FROM people WHERE country = land';
CREATE FUNCTION one_person(which integer) RETURNS people LANGUAGE sql STABLE AS 'SELECT * FROM people WHERE id = which';
CREATE FUNCTION numbers(n integer) RETURNS SETOF integer LANGUAGE sql IMMUTABLE AS 'SELECT generate_series(1, n)';
CREATE FUNCTION both_of(OUT x integer, OUT y text) LANGUAGE sql IMMUTABLE AS $$SELECT 1, 'one'$$;
CREATE FUNCTION words(n integer) RETURNS TABLE (i integer, word text) LANGUAGE sql IMMUTABLE AS
    $$SELECT s, repeat('x', s) FROM generate_series(1, n) AS s$$;
CREATE FUNCTION take_it(json) RETURNS json LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE FUNCTION named_now(which integer, called text) RETURNS void LANGUAGE sql AS
    'UPDATE labels SET name = called WHERE id = which';
CREATE FUNCTION named_all(called text) RETURNS SETOF labels LANGUAGE sql AS
    'UPDATE labels SET name = called RETURNING *';
CREATE FUNCTION either(a integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'a'$$;
CREATE FUNCTION either(b text) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'b'$$;
CREATE FUNCTION unclear(a integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'integer'$$;
CREATE FUNCTION unclear(a text) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'text'$$;
CREATE FUNCTION summed(VARIADIC v integer[]) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT sum(x) FROM unnest(v) AS x';
CREATE FUNCTION refuses() RETURNS integer LANGUAGE plpgsql IMMUTABLE AS
    $$BEGIN RAISE EXCEPTION 'no' USING HINT = 'ask otherwise'; END$$;
