import {
  ColumnDefinitionNode as Column,
  type ColumnDefinitionNode,
  DataTypeNode,
  GeneratedNode,
  type KyselyPlugin,
  OperationNodeTransformer,
  type QueryId,
  RawNode,
} from 'kysely';

/**
 * SQLite's types, which migrations use, and what holds the same values in PostgreSQL. Text is
 * compared byte by byte, as SQLite compares it.
 */
const types: Readonly<Record<string, string>> = {
  integer: 'bigint',
  real: 'double precision',
  blob: 'bytea',
  text: 'text collate "C"',
};

class TypeTransformer extends OperationNodeTransformer {
  protected override transformColumnDefinition(
    node: ColumnDefinitionNode,
    id?: QueryId,
  ): ColumnDefinitionNode {
    const { autoIncrement, ...column } = super.transformColumnDefinition(node, id);
    const { dataType } = column;
    const type = DataTypeNode.is(dataType) ? types[String(dataType.dataType)] : undefined;
    return Column.cloneWith(column, {
      ...(type === undefined ? {} : { dataType: RawNode.createWithSql(type) }),
      ...(autoIncrement === true
        ? { generated: GeneratedNode.create({ identity: true, byDefault: true }) }
        : {}),
    });
  }
}

/** Lets the migrations, written for SQLite's types, build the same tables in PostgreSQL. */
export function portableTypes(): KyselyPlugin {
  const transformer = new TypeTransformer();
  return {
    transformQuery: ({ node, queryId }) => transformer.transformNode(node, queryId),
    transformResult: async ({ result }) => result,
  };
}
