//! Every bound of the product in one place, with the relations between them checked when it compiles.
//!
//! Names end in their unit. A value with a page number is published; the others are this server's.

/// Bytes of a UserID (1047/34348, code 7003).
pub const USER_ID_BYTES_MAX: usize = 32;
/// Bytes of a group id (1047/33529; one page says "less than 48", the larger is accepted).
pub const GROUP_ID_BYTES_MAX: usize = 48;

/// Bytes of a group's name (SDK reference; REST pages say 30).
pub const GROUP_NAME_BYTES_MAX: usize = 100;
/// Bytes of a group's introduction (SDK reference; REST pages say 240).
pub const GROUP_INTRODUCTION_BYTES_MAX: usize = 400;
/// Bytes of a group's notification (SDK reference; REST pages say 300).
pub const GROUP_NOTIFICATION_BYTES_MAX: usize = 400;
/// Bytes of a group's face URL (SDK reference; REST pages say 100).
pub const GROUP_FACE_URL_BYTES_MAX: usize = 500;
/// Bytes of one profile value of an account (code 40601).
pub const PROFILE_VALUE_BYTES_MAX: usize = 500;

/// Members of a Work, Public or Meeting group (1047/33529, the largest plan).
pub const GROUP_MEMBERS_MAX: u32 = 6_000;
/// Members of a community (1047/33529, the largest plan).
pub const COMMUNITY_MEMBERS_MAX: u32 = 1_000_000;
/// Groups a user may own through the gateway; an app admin has no such bound (10037).
pub const GROUPS_OWNED_MAX: u32 = 1_000;
/// Groups a user may join through the gateway; an app admin has no such bound (10037).
pub const GROUPS_JOINED_MAX: u32 = 3_000;

/// Accounts in one multiaccount_import, account_delete or account_check (1047/34954 to 34956).
pub const ACCOUNTS_PER_CALL_MAX: usize = 100;
/// Accounts deleted in one transaction: each may take thousands of memberships along.
pub const ACCOUNT_DELETE_STEP: usize = 5;
/// Accounts in one query_online_status (1047/35477).
pub const STATUS_ACCOUNTS_PER_CALL_MAX: usize = 500;
/// Members in one create_group (1047/34895).
pub const CREATE_MEMBERS_MAX: usize = 100;
/// Members in one add_group_member or import_group_member (1047/34921, 1047/34969).
pub const ADD_MEMBERS_MAX: usize = 300;
/// Members in one delete_group_member (limits page; the command's own page says 100).
pub const REMOVE_MEMBERS_MAX: usize = 500;
/// Accounts in one get_role_in_group (1047/34963).
pub const ROLE_ACCOUNTS_MAX: usize = 500;
/// Groups in one get_group_info (1047/34961).
pub const GROUP_INFO_MAX: usize = 50;
/// Members on one page of get_group_member_info of an ordinary group (1047/34948).
pub const MEMBER_PAGE_MAX: u32 = 6_000;
/// Members on one page of get_group_member_info of a community (1047/34948).
pub const COMMUNITY_MEMBER_PAGE_MAX: u32 = 100;
/// Members on a page when the call names no limit.
pub const MEMBER_PAGE_DEFAULT: u32 = 100;
/// Groups on one page of get_joined_group_list (1047/34925).
pub const JOINED_PAGE_MAX: u32 = 5_000;
/// Members that get_group_info lists over all its groups; a community above it lists none.
pub const GROUP_INFO_MEMBERS_MAX: u32 = GROUP_MEMBERS_MAX;
/// Bytes of an answer (1047/34348, code 10018).
pub const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Groups in one get_online_member_nums.
pub const COUNTED_GROUPS_MAX: usize = 500;
/// Streams of counts at once.
pub const STREAMS_MAX: usize = 10_000;
/// Groups of one stream of counts.
pub const STREAM_GROUPS_MAX: usize = 1_000;
/// The shortest time between two events of a stream.
pub const STREAM_INTERVAL_MS_MIN: u64 = 100;
/// The longest time between a change and its event.
pub const STREAM_INTERVAL_MS_MAX: u64 = 60_000;
/// The time between two events when the call names none.
pub const STREAM_INTERVAL_MS_DEFAULT: u64 = 1_000;
/// Silence after which a stream says that it is alive.
pub const STREAM_SILENCE_MS_MAX: u64 = 15_000;
/// How long a stream waits for its reader before it ends.
pub const STREAM_WRITE_MS_MAX: u64 = 10_000;

/// Admins of an app (1047/50301).
pub const APP_ADMINS_MAX: usize = 10;

/// Bytes of a REST body.
pub const REQUEST_BODY_BYTES_MAX: usize = 1 << 20;
/// How long a REST client may take to send its headers, or to start its next call.
pub const REQUEST_HEAD_MS_MAX: u64 = 75_000;
/// How long a REST client may take to send its body.
pub const REQUEST_BODY_MS_MAX: u64 = 10_000;
/// How long a TLS handshake may take.
pub const TLS_HANDSHAKE_MS_MAX: u64 = 10_000;

/// Bytes of one gateway message. The SDK's largest seen is 13 KB; its telemetry grows further.
pub const GATEWAY_MESSAGE_BYTES_MAX: usize = 128 << 10;
/// How long a client may take to finish a gateway message it began.
pub const GATEWAY_MESSAGE_MS_MAX: u64 = 10_000;
/// How long a gateway write may take before the client counts as too slow.
pub const GATEWAY_WRITE_MS_MAX: u64 = 10_000;
/// How long a gateway connection may stay silent without a login. The SDK opens its socket long
/// before it logs in, and comes back at once when it is closed.
pub const GATEWAY_GUEST_MS_MAX: u64 = 300_000;

/// Notices that wait for one connection; one more closes it as too slow.
pub const SESSION_NOTICES_MAX: usize = 64;
/// Members of a group whose dissolution is told to each of them who is online.
pub const NOTIFIED_MEMBERS_MAX: u32 = GROUP_MEMBERS_MAX;

/// Verified UserSigs remembered per app.
pub const VERIFIED_USERSIGS_MAX: usize = 100_000;
/// Verified UserSigs remembered per account: backends of several processes sign their own.
pub const VERIFIED_USERSIGS_PER_ACCOUNT_MAX: usize = 8;
/// Failed UserSig checks of one caller within the window below until further ones are refused (70050).
pub const FAILED_USERSIGS_MAX: u32 = 1_000;
/// The window of the bound above.
pub const FAILED_USERSIGS_WINDOW_MS: u64 = 60_000;
/// Callers whose failed checks are counted in one window.
pub const FAILED_USERSIG_CALLERS_MAX: usize = 10_000;

/// Calls a second of one command by one app when rate limits are on (1047/34419).
pub const RATE_PER_S_DEFAULT: u32 = 200;

/// Commands that wait for the directory's writer.
pub const STORE_QUEUE_MAX: usize = 1_024;
/// Rows from which on a command is a bulk command.
pub const STORE_BULK_ROWS_MIN: usize = 50;
/// Bulk commands in the queue at once; the others wait before it, so that small commands wait for few.
pub const STORE_BULK_MAX: usize = 1;
/// Rows that one transaction of the directory's writer may gather from waiting commands.
pub const STORE_BATCH_ROWS_MAX: usize = 2_000;
/// Rows that one step of a long clean-up may touch, so that other commands wait for one step only.
pub const STORE_SWEEP_ROWS_MAX: usize = 1_000;
/// Batches of commands that may overtake a clean-up that waits, so that it ends also on a busy server.
pub const STORE_SWEEP_PATIENCE: u32 = 8;
/// Reads of the directory at once.
pub const STORE_READERS_MAX: usize = 4;
/// Reads of the directory that wait or are under way; further ones wait before the queue.
pub const STORE_READS_WAITING_MAX: usize = 1_024;
/// Bytes of the database that the directory's writer keeps in memory: too few make it write pages twice
/// when a bulk command touches many.
pub const STORE_WRITER_CACHE_BYTES: u32 = 64 << 20;
/// How long the directory waits for another process that writes to it.
pub const STORE_BUSY_MS_MAX: u64 = 5_000;
/// Pages that the directory's log grows by between two checkpoints.
pub const STORE_CHECKPOINT_PAGES: u32 = 1_000;
/// Pages of the directory's log from which on it is started over as soon as a checkpoint has caught up.
pub const STORE_LOG_RESTART_PAGES: u32 = 8_000;
/// Pages of the directory's log from which on commands wait for a checkpoint.
pub const STORE_LOG_PAGES_MAX: u32 = 64_000;
/// How long such a checkpoint waits for reads to end.
pub const STORE_LOG_RESTART_MS_MAX: u64 = 100;
/// Bytes that the directory's log file keeps on disk when it is started over.
pub const STORE_LOG_BYTES_KEPT: u64 = 64 << 20;

/// How long connecting to a shared directory may take.
pub const STORE_CONNECT_MS_MAX: u64 = 5_000;
/// How long a read of a shared directory may take, waiting for its turn included.
pub const STORE_READ_MS_MAX: u64 = 5_000;
/// How long a transaction of a shared directory may take, waiting for other servers and repetitions
/// included.
pub const STORE_WRITE_MS_MAX: u64 = 15_000;
/// How long a command may take that writes to a shared directory, waiting in the queue included.
pub const STORE_COMMAND_MS_MAX: u64 = 30_000;
/// How long a transaction of a shared directory may wait for a server that has fallen silent within it.
pub const STORE_SILENT_MS_MAX: u64 = 5_000;
/// How long the cut of a recount may take in a shared directory.
pub const STORE_CUT_MS_MAX: u64 = 15_000;
/// Commands that share a transaction of a shared directory. Each has a savepoint, and PostgreSQL keeps 64
/// of a transaction where all can see them fast.
pub const STORE_SHARED_COMMANDS_MAX: usize = 60;
/// Bulk commands in the queue of a shared directory at once. One transaction takes them all.
pub const STORE_SHARED_BULK_MAX: usize = 4;
/// How often a transaction of a shared directory is run again when it met another one.
pub const STORE_RERUNS_MAX: u32 = 10;
/// The pause before the first such repetition; it doubles with each.
pub const STORE_RERUN_PAUSE_MS: u64 = 2;
/// How often a server looks for what other servers committed to a shared directory.
pub const STORE_LOG_LOOK_MS: u64 = 100;
/// Commits of a shared directory's log that are read at once.
pub const STORE_LOG_READ_ROWS_MAX: usize = 100;
/// How long the log of a shared directory keeps a commit. A server that was stopped for longer has to
/// start afresh.
pub const STORE_LOG_KEPT_S: u64 = 3_600;
/// Commits that one step of shortening the log removes.
pub const STORE_LOG_PRUNE_ROWS_MAX: usize = 1_000;
/// How often a server looks for what is left to remove from a shared directory: of dissolved groups, and
/// of the log.
pub const STORE_CLEAN_UP_LOOK_MS: u64 = 10_000;
/// Dissolved groups whose rows are removed by turns.
pub const STORE_SWEEP_GROUPS_MAX: usize = 100;
/// Rows of a snapshot of a shared directory that are read at once.
pub const STORE_SNAPSHOT_ROWS: usize = 10_000;

/// Connections that wait to be accepted, for each listener; `net.core.somaxconn` may be lower.
pub const LISTEN_BACKLOG: u32 = 4_096;
/// Threads that hold connections.
pub const WORKERS_MAX: usize = 256;

/// How long a call of the relay may take.
pub const RELAY_CALL_MS_MAX: u64 = 1_000;
/// Bytes of an entry of a node's log, unless a single event has more.
pub const RELAY_ENTRY_BYTES_MAX: usize = 64 << 10;
/// Latest entries of a node's log that the relay keeps.
pub const RELAY_LOG_ENTRIES_KEPT: usize = 2_000;
/// Entries of one log that are read at once.
pub const RELAY_READ_ENTRIES_MAX: usize = 100;
/// How long the relay keeps a log that nobody appends to.
pub const RELAY_LOG_MS_KEPT: u64 = 60_000;
/// How long the relay keeps the roll when no node writes to it.
pub const RELAY_ROLL_MS_KEPT: u64 = 3_600_000;

/// How often a node says what has happened on it, and hears what has happened elsewhere. With the way
/// through the relay this is how late a count of another node's can be, and it must be well below a second.
pub const RELAY_TICK_MS: u64 = 50;
/// How often a node says that it lives.
pub const RELAY_BEAT_MS: u64 = 250;
/// What one look at the roll adds to a node's silence at most, however long ago the last look was.
pub const RELAY_HEARD_MS_MAX: u64 = 500;
/// How soon a node may say so again because it has something to ask or to confirm.
pub const RELAY_BEAT_MS_MIN: u64 = 100;
/// How long a node may be silent before its sessions no longer count, unless set.
pub const RELAY_LEASE_MS_DEFAULT: u64 = 5_000;
/// The shortest lease: below it a slow relay would look like a dead node.
pub const RELAY_LEASE_MS_MIN: u64 = 2_500;
/// The longest lease.
pub const RELAY_LEASE_MS_MAX: u64 = 60_000;
/// Leases after which a silent node's row is removed.
pub const RELAY_STRIKE_LEASES: u64 = 20;
/// How long entries that a node's row tells of may take to come before they are lost.
pub const RELAY_GAP_MS: u64 = 1_000;
/// Events that wait to be written into the log; beyond them the whole state is told instead.
pub const RELAY_EVENTS_MAX: usize = 500_000;
/// Entries that wait for the relay.
pub const RELAY_UNSENT_ENTRIES_MAX: usize = 64;
/// Accounts whose sessions are told between two turns of others at the engine.
pub const RELAY_TELL_ACCOUNTS_MAX: usize = 2_000;
/// Sessions of a node that is gone that are dropped between two turns of others at the engine.
pub const RELAY_DROP_SESSIONS_MAX: usize = 1_000;
/// Accounts that one message to other nodes is for.
pub const TOLD_ACCOUNTS_MAX: usize = 1_000;
/// Latest changes of memberships that a node remembers for what others tell as of before them.
pub const RELAY_CHANGES_MAX: usize = 1_000_000;
/// How long it remembers them at least, for a node that has just come.
pub const RELAY_CHANGES_MS_MIN: u64 = 10_000;
/// Bytes of entries that are appended to a log of Redis in one step, which others wait for; a larger entry
/// has a step of its own.
pub const RELAY_APPEND_BYTES_MAX: usize = 1 << 20;
/// Entries that are appended to a log of Redis in one step.
pub const RELAY_APPEND_ENTRIES_MAX: usize = 500;
/// Bytes of entries that one read of all logs asks Redis for, unless single events have more. It must take
/// less time than a call may.
pub const RELAY_READ_BYTES_MAX: usize = 16 << 20;
/// How long connecting to a Redis may take.
pub const RELAY_CONNECT_MS_MAX: u64 = 500;
/// How long connecting to all Redis servers of a Cluster, or to the one that Sentinels name, may take.
pub const RELAY_OPEN_MS_MAX: u64 = 2_000;
/// How often a call of a Redis Cluster that failed or went to the wrong server is made again.
pub const RELAY_RETRIES_MAX: u32 = 3;
/// The shortest time between two of them.
pub const RELAY_RETRY_MS_MIN: u64 = 10;
/// The longest time between two of them.
pub const RELAY_RETRY_MS_MAX: u64 = 100;

/// Rows of a file that an import writes in one transaction. More of them touch each page of the database
/// less often; fewer are lost work when it is stopped.
pub const IMPORT_BATCH_ROWS: usize = 250_000;
/// Bytes of the database that an import keeps in memory.
pub const IMPORT_CACHE_BYTES: u32 = 256 << 20;
/// Groups that an import of members remembers, so that each is looked up once.
pub const IMPORT_GROUPS_MAX: usize = 10_000;
/// Groups that are created at once when they are imported.
pub const IMPORT_GROUPS_AT_ONCE: usize = 256;
/// Faulty lines of a file that are shown; the others are counted.
pub const IMPORT_FAULTS_SHOWN_MAX: usize = 20;

/// Rows that a move into a shared directory writes in one transaction, and reads at once when it verifies.
pub const MIGRATE_BATCH_ROWS: usize = 20_000;
/// Batches of such rows that are read ahead of the one that is written.
pub const MIGRATE_BATCHES_AHEAD: usize = 2;
/// How long one step of such a move may take, waiting for a server that writes included.
pub const MIGRATE_STEP_MS_MAX: u64 = 60_000;
/// How often a long command says how far it is.
pub const PROGRESS_TOLD_MS: u64 = 1_000;
/// Groups with a wrong number of members that its verification names.
pub const MIGRATE_GROUPS_NAMED_MAX: usize = 20;

/// How often a recount is begun anew because another node was ahead of this one.
pub const AUDIT_TRIES_MAX: u32 = 50;
/// How long it waits for that.
pub const AUDIT_RETRY_MS: u64 = 20;

/// How long a stopping server waits for its connections.
pub const SHUTDOWN_GRACE_MS: u64 = 10_000;
/// How often a server looks for apps that another process created or changed.
pub const APP_REFRESH_MS: u64 = 250;

const _: () = {
    // One command must fit into one batch, or it would never be written.
    assert!(ADD_MEMBERS_MAX <= STORE_BATCH_ROWS_MAX);
    assert!(REMOVE_MEMBERS_MAX <= STORE_BATCH_ROWS_MAX);
    // One clean-up step is no longer than one batch.
    assert!(STORE_SWEEP_ROWS_MAX <= STORE_BATCH_ROWS_MAX);
    // What another server commits counts within a second.
    assert!(STORE_LOG_LOOK_MS < 1_000);
    // A transaction outlasts a server that has fallen silent before it.
    assert!(STORE_SILENT_MS_MAX < STORE_WRITE_MS_MAX);
    // A command outlasts a transaction.
    assert!(STORE_WRITE_MS_MAX < STORE_COMMAND_MS_MAX);
    // All bulk commands that wait fit into one transaction.
    assert!(STORE_SHARED_BULK_MAX * ADD_MEMBERS_MAX < STORE_BATCH_ROWS_MAX);
    // The log is checkpointed before it is started over, and started over before commands wait for it.
    assert!(
        STORE_CHECKPOINT_PAGES < STORE_LOG_RESTART_PAGES && STORE_LOG_RESTART_PAGES < STORE_LOG_PAGES_MAX
    );
    // Groups that are imported at once fit into the writer's queue.
    assert!(IMPORT_GROUPS_AT_ONCE <= STORE_QUEUE_MAX);

    // A single entry of the usual size fits into what is written or read at once.
    assert!(RELAY_ENTRY_BYTES_MAX <= RELAY_APPEND_BYTES_MAX && RELAY_ENTRY_BYTES_MAX <= RELAY_READ_BYTES_MAX);
    // A call that has to connect first has time left.
    assert!(RELAY_CONNECT_MS_MAX < RELAY_CALL_MS_MAX);

    // A stream that is read is never taken for a silent connection.
    assert!(STREAM_SILENCE_MS_MAX + STREAM_WRITE_MS_MAX < REQUEST_HEAD_MS_MAX);
    assert!(STREAM_INTERVAL_MS_MIN <= STREAM_INTERVAL_MS_DEFAULT);
    // A node that lives is heard more than once within its lease, also when a call takes as long as it may.
    assert!(2 * (RELAY_BEAT_MS + RELAY_CALL_MS_MAX / 4) <= RELAY_LEASE_MS_MIN);
    assert!(RELAY_LEASE_MS_MIN <= RELAY_LEASE_MS_DEFAULT && RELAY_LEASE_MS_DEFAULT <= RELAY_LEASE_MS_MAX);
    assert!(4 * RELAY_TICK_MS < 1_000);

    // A change of an app must be seen within a second.
    assert!(APP_REFRESH_MS < 1_000);
};
