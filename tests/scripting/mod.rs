//! Scripts: limits, kills, parallel runs, the cache, and replies compared with a real server's.
