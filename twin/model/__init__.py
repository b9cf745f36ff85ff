"""The city's tables as SQLAlchemy models, one file per part of the city."""

from twin.model.access import AccessState, Account, LoginFailure, LoginSession, RepeatedRequest, Right, Token
from twin.model.addresses import Address, AddressAlias
from twin.model.area_totals import AreaStale, AreaTotal, TileChange
from twin.model.assets import Asset
from twin.model.base import Base
from twin.model.buildings import Building, BuildingModel
from twin.model.catalogue import AssetClass, ClassCode, EntityType, EventClass, HandlingLimit
from twin.model.class_words import ClassWord, UnmappedClass
from twin.model.entities import Entity, IndexKey, PrivateEntity
from twin.model.events import Event
from twin.model.exports import Export
from twin.model.history import AppliedErasure, AuditEntry, PrivateVersion, PutAway, SubjectKey, Version
from twin.model.links import Link, LinkPart, LinkRun, ReviewClaim, SeenMatch
from twin.model.places import AdminUnit, Grid, GridSuccession, ManagementGrid, ManagementGridMember
from twin.model.records import Batch, BatchPart, PrivateRecord, QuarantinedRow, Record, RefusedDelivery
from twin.model.responsibility import Responsibility
from twin.model.sensors import Observation, Sensor
from twin.model.surveys import Photo, Product, Survey
from twin.model.system import (
    City,
    Department,
    Evidence,
    HanziInitial,
    Job,
    SearchAffix,
    SearchEntry,
    SearchPending,
    SetAside,
)

__all__ = [
    "AccessState",
    "Account",
    "Address",
    "AddressAlias",
    "AdminUnit",
    "AppliedErasure",
    "AreaStale",
    "AreaTotal",
    "Asset",
    "AssetClass",
    "AuditEntry",
    "Base",
    "Batch",
    "BatchPart",
    "Building",
    "BuildingModel",
    "City",
    "ClassCode",
    "ClassWord",
    "Department",
    "Entity",
    "EntityType",
    "Event",
    "EventClass",
    "Evidence",
    "Export",
    "Grid",
    "GridSuccession",
    "HandlingLimit",
    "HanziInitial",
    "IndexKey",
    "Job",
    "Link",
    "LinkPart",
    "LinkRun",
    "LoginFailure",
    "LoginSession",
    "ManagementGrid",
    "ManagementGridMember",
    "Observation",
    "Photo",
    "PrivateEntity",
    "PrivateRecord",
    "PrivateVersion",
    "Product",
    "PutAway",
    "QuarantinedRow",
    "Record",
    "RefusedDelivery",
    "RepeatedRequest",
    "Responsibility",
    "ReviewClaim",
    "Right",
    "SearchAffix",
    "SearchEntry",
    "SearchPending",
    "SeenMatch",
    "Sensor",
    "SetAside",
    "SubjectKey",
    "Survey",
    "TileChange",
    "Token",
    "UnmappedClass",
    "Version",
]
