//! Names of types, by cases.

use super::*;

#[test]
fn every_alias_means_its_type() {
    for (written, expected) in [
        ("INT4", "integer"),
        ("bigserial", "bigint"),
        ("Character  Varying ( 10 )", "varchar(10)"),
        ("varchar", "text"),
        ("char", "char(1)"),
        ("CHARACTER(3)", "char(3)"),
        ("timestamp(6) with time zone", "timestamptz"),
        ("TIMESTAMP WITHOUT TIME ZONE", "timestamp"),
        ("decimal(12, 2)", "numeric(12,2)"),
        ("dec(5)", "numeric(5,0)"),
        ("NUMERIC", "numeric"),
        ("float", "double precision"),
        ("float(24)", "real"),
        ("double precision", "double precision"),
        ("text[]", "text[]"),
        ("int[3][3]", "integer[]"),
        ("uuid ARRAY", "uuid[]"),
        ("pg_catalog.int8", "bigint"),
        ("public.mood", "mood"),
        ("\"Odd Type\"[]", "Odd Type[]"),
        ("citext", "citext"),
        ("timestamp with time zone[]", "timestamptz[]"),
        ("character varying(7)[]", "varchar(7)[]"),
        ("vector(1536)", "vector(1536)"),
        ("time with time zone", "time with time zone"),
    ] {
        let ty = read_type(written, ["mood", "Odd Type"]).unwrap_or_else(|e| panic!("{written}: {e}"));
        assert_eq!(ty.to_string(), expected, "{written}");
    }
}

#[test]
fn what_is_no_type_says_what_is() {
    for (written, code, hint) in [
        ("blob", "42704", "in PostgreSQL it is bytea"),
        ("DATETIME", "42704", "in PostgreSQL it is timestamptz or timestamp"),
        ("txet", "42704", "did you mean \"text\"?"),
        ("moood", "42704", "did you mean \"mood\"?"),
        ("timestamp(3)", "0A000", "leave the precision out: microseconds are kept everywhere"),
    ] {
        let error = read_type(written, ["mood"]).unwrap_err();
        assert_eq!((error.code(), error.get_hint()), (code, Some(hint)), "{written}");
    }
    for wrong in ["varchar(0)", "numeric(0)", "numeric(1,-1)", "float(99)", "int(11)", "char(x)", ""] {
        assert!(read_type(wrong, []).is_err(), "{wrong}");
    }
}
