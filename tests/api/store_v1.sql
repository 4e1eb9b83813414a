-- jobs.db as the agent wrote it before owners had kinds (schema 1), with jobs of callers of every kind.
-- All of one spec: 1 datagram "hello" to 127.0.0.1:9.
PRAGMA journal_mode = WAL;
CREATE TABLE jobs ( id TEXT PRIMARY KEY NOT NULL, state INTEGER NOT NULL, version INTEGER NOT NULL,
 revision INTEGER NOT NULL, create_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL, owner TEXT NOT NULL,
 request_id TEXT NOT NULL, spec_digest BLOB NOT NULL, basic BLOB NOT NULL, record BLOB NOT NULL) STRICT;
CREATE UNIQUE INDEX jobs_request ON jobs (owner, request_id) WHERE request_id <> '';
CREATE TABLE specs (id TEXT PRIMARY KEY NOT NULL, spec BLOB NOT NULL) STRICT;
CREATE TABLE touched (at INTEGER NOT NULL) STRICT;
INSERT INTO touched VALUES (0);
CREATE TEMP TABLE made (id TEXT, owner TEXT);
INSERT INTO made VALUES
 ('01M8BEWSJDD9E2AMVCPK3B7501', 'adm'),          -- a token, or a certificate
 ('01M8BEWSJDD9E2AMVCPK3B7502', 'Alice Roe'),    -- a certificate
 ('01M8BEWSJDD9E2AMVCPK3B7503', 'local'),        -- without tokens, or a token of that name
 ('01M8BEWSJDD9E2AMVCPK3B7504', 'uid:0'),
 ('01M8BEWSJDD9E2AMVCPK3B7505', 'uid:4711'),
 ('01M8BEWSJDD9E2AMVCPK3B7506', 'uid:unknown');
-- Finished: SUCCEEDED, 1 of 1 packets sent.
INSERT INTO jobs SELECT id, 5, 3, 1795681052154, strftime('%s', 'now') * 1000000000, strftime('%s', 'now') * 1000000000,
 owner, 'key', x'0a8fafdc43a484373037c9b5e4506e5373c6bcc2e2c8f3fe524a443ad40b3b47', x'',
 x'3a080801100130054801' FROM made;
INSERT INTO specs SELECT id, x'2a1c120d0a093132372e302e302e3110092a07120568656c6c6f42020801' FROM made;
-- Waiting: SCHEDULED for 2099, of "adm" and of uid 4711.
INSERT INTO jobs SELECT '01M8BEWSJRSCJ8CM2ZCPMZ86' || substr(id, 25), 2, 1, 1795681052156, strftime('%s', 'now') * 1000000000, 0,
 owner, 'later', x'e2d445a36ca15148b6f61cebb62f8f83a5fa766dce5fccb3ff2cd6622c97d36c', x'22060880c794950f', x'3a020801'
 FROM made WHERE owner IN ('adm', 'uid:4711');
INSERT INTO specs SELECT '01M8BEWSJRSCJ8CM2ZCPMZ86' || substr(id, 25),
 x'22060880c794950f2a1c120d0a093132372e302e302e3110092a07120568656c6c6f42020801' FROM made WHERE owner IN ('adm', 'uid:4711');
PRAGMA application_id = 1346847537;
PRAGMA user_version = 1;
