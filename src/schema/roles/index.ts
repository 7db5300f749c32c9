export { type ApplyRolesOptions, applyRoles, dropRoles } from './apply.js';
export { protectionMissing, type RolePasswords, type RoleState, type RolesState, rolesOf } from './state.js';
