def test_smoke(admin, writer, reader):
    assert writer.execute("SELECT name, hits FROM bi.by_name ORDER BY name") == [("COURRIER", 3), ("VISIO", 1)]
    assert reader.execute("SELECT name FROM bi.above(least=2)") == [("COURRIER",)]
    assert writer.execute("INSERT INTO ent.hits (cell, name, ids) VALUES", [(9, "x", [1])]) == 1
    writer.execute("ALTER TABLE ent.hits DROP PARTITION '1970-01-01'")
    writer.execute("CREATE TEMPORARY TABLE tt (a UInt8)")
    writer.execute("INSERT INTO ent.hits SELECT day,cell,'z',ids FROM ent.hits WHERE 0")
    writer.execute("DROP TEMPORARY TABLE tt")
