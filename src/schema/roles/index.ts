export { type ApplyRolesOptions, applyRoles } from './apply.js';
export { type DroppedRoles, dropRoles } from './drop.js';
export { applyGrants } from './grants.js';
export { protectionMissing } from './protection.js';
export { purposeOf, RIGHTS, type Right, type Rights } from './rights.js';
export {
  beginRotation,
  type Credential,
  dropSeconds,
  endRotation,
  type RotateOptions,
  type Rotation,
  rotationOf,
} from './rotate.js';
export { type RolePasswords, type RoleState, type RolesState, rolesOf } from './state.js';
