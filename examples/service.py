"""A service on plain SQL: SQLAlchemy with the pool of the seed, and the seed's own statements, with one call to `decide`.

    DATABASE_URL=postgresql://claire@127.0.0.1:5432/claire_de_binare?passfile=.claire/pgpass python3 service.py
"""
import os
from decimal import Decimal

from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import QueuePool

engine = create_engine(
    os.environ["DATABASE_URL"],
    poolclass=QueuePool,
    pool_size=10,
    max_overflow=10,
    pool_timeout=30,
    pool_recycle=3600,
    pool_pre_ping=True,
    echo=False,
    connect_args={"application_name": "my_python_bot"},
)

# The same signal, sent again after a crash, is not recorded twice.
signal = text(
    "INSERT INTO signals (signal_id, symbol, side, price, confidence, timestamp) "
    "VALUES (:id, 'BTCUSDT', 'BUY', :price, 0.85, 1705072800000) ON CONFLICT (signal_id) DO NOTHING"
)
# The limits of the book decide: a PENDING order, or a REJECTED one with its reason. Sent again, the same answer.
decide = text(
    "SELECT decision, reason FROM decide('py_signal', :quantity, 'py_order', at => 1705072800000)"
)
trade = text(
    "INSERT INTO trades (order_id, symbol, side, quantity, entry_price, entry_timestamp, status) "
    "SELECT 'py_order', 'BTCUSDT', 'BUY', :quantity, :price, 1705072800, 'OPEN' "
    "WHERE NOT EXISTS (SELECT FROM trades WHERE order_id = 'py_order')"
)
close = text(
    "UPDATE trades SET exit_price = :price, exit_timestamp = 1705159200, status = 'CLOSED' "
    "WHERE order_id = 'py_order'"
)

with engine.begin() as connection:
    connection.execute(signal, {"id": "py_signal", "price": Decimal("43250.50")})
    decided = connection.execute(decide, {"quantity": Decimal("0.0231")}).one()
if decided.decision == "rejected":
    raise SystemExit(f"not traded: {decided.reason}")
with engine.begin() as connection:
    connection.execute(trade, {"quantity": Decimal("0.0231"), "price": Decimal("43250.50")})
    connection.execute(text("UPDATE orders SET status = 'FILLED' WHERE order_id = 'py_order'"))
with engine.begin() as connection:
    connection.execute(close, {"price": Decimal("45100.75")})
    pnl = connection.execute(text("SELECT pnl FROM trades WHERE order_id = 'py_order'")).scalar()
print("gross profit", pnl)

# What cannot be true is refused, and the law has a name.
try:
    with engine.begin() as connection:
        connection.execute(signal, {"id": "py_wrong", "price": Decimal("-100")})
except IntegrityError as error:
    print("refused by", error.orig.diag.constraint_name)
