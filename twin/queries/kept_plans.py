"""Plans made once for whatever is asked: planning /lookup anew takes longer than answering it."""

from __future__ import annotations

# For the rest of the transaction. Measured at 1 M assets and 10 M records: half the database's time for /lookup and
# /nearby, whose best plan is the same everywhere; not for /search, where it depends on the words.
KEEP_PLANS = "SELECT set_config('plan_cache_mode', 'force_generic_plan', true)"
