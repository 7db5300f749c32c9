export { type ApplyRolesOptions, applyRoles, dropRoles } from './apply.js';
export {
  beginRotation,
  type Credential,
  dropSeconds,
  endRotation,
  type RotateOptions,
  type Rotation,
  rotationOf,
} from './rotate.js';
export { protectionMissing, type RolePasswords, type RoleState, type RolesState, rolesOf } from './state.js';
