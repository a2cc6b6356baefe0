// vector_lanes: the vector engine's stages 1 to 6: requantizer, bytes of its results, adder, table.
//   per lane requant_lane, then master_parts, then add_lane, then lookup_table
// Golden: accel_models.arithmetic. Latency 5 from value_i, one vector per enabled cycle.
// Combinational path: value_i, bias_i, zero_i -> sum_o.
`default_nettype none
module vector_lanes #(
  parameter int unsigned Columns = 4,
  parameter int unsigned MultW   = 31
) (
  input  wire logic                     clk_i,
  input  wire logic                     start_i,    // a command starts; nothing is in flight
  input  wire logic                     advance_i,  // every stage advances
  // It uses the factors of the settings, not the rest.
  // verilator lint_off UNUSEDSIGNAL
  input  wire vector_pkg::settings_t    settings_i,
  // verilator lint_on UNUSEDSIGNAL
  input  wire logic [Columns-1:0][31:0] bias_i,
  input  wire logic [Columns-1:0][30:0] mult_i,
  input  wire logic  [Columns-1:0][5:0] shift_i,
  input  wire logic [Columns-1:0][31:0] value_i,
  input  wire logic [Columns-1:0][15:0] offset_i,
  input  wire logic       [Columns-1:0] zero_i,
  input  wire logic              [31:0] index_i,    // of lane 0, for noise
  input  wire logic  [Columns-1:0][7:0] other_i,
  input  wire logic                     scaled_i,   // a value of the command is behind the requantizer
  output      logic [Columns-1:0][32:0] sum_o,
  output      logic       [Columns-1:0] counted_o,
  output      logic       [Columns-1:0] lost_o,
  input  wire logic                     table_write_i,
  input  wire logic               [7:0] word_i,       // of the table
  input  wire logic  [Columns-1:0][7:0] word_data_i,
  output      logic                     first_o,    // what is behind the requantizer is the first vector of its value
  output      logic  [Columns-1:0][7:0] data_o
);
  logic [Columns-1:0][7:0] low, high, part, added;

  master_parts #(
    .Columns(Columns)
  ) u_parts (
    .clk_i          (clk_i),
    .start_i        (start_i),
    .advance_i      (advance_i),
    .wide_i         (settings_i.wide),
    .fraction_bits_i(settings_i.fraction_bits),
    .valid_i        (scaled_i),
    .low_i          (low),
    .high_i         (high),
    .first_o        (first_o),
    .data_o         (part)
  );

  for (genvar l = 0; l < Columns; l++) begin : gen_lane
    requant_lane #(
      .MultW(MultW)
    ) u_requant (
      .clk_i        (clk_i),
      .enable_i     (advance_i),
      .rounding_i   (settings_i.rounding),
      .training_i   (settings_i.training),
      .bound_i      (settings_i.bound),
      .subtract_i   (settings_i.subtract),
      .low_i        (settings_i.low),
      .high_i       (settings_i.high),
      .bias_i       (bias_i[l]),
      .mult_i       (mult_i[l]),
      .shift_i      (shift_i[l]),
      .offset_i     (offset_i[l]),
      .zero_i       (zero_i[l]),
      .random_bits_i(settings_i.random_bits),
      .index_i      (index_i + l),
      .acc_i        (value_i[l]),
      .sum_o        (sum_o[l]),
      .data_o       (low[l]),
      .upper_o      (high[l]),
      .counted_o    (counted_o[l]),
      .lost_o       (lost_o[l])
    );
    add_lane #(
      .MultW(MultW)
    ) u_add (
      .clk_i       (clk_i),
      .enable_i    (advance_i),
      .add_i       (settings_i.add),
      .zero_a_i    (settings_i.zero_a),
      .zero_b_i    (settings_i.zero_b),
      .mult_a_i    (settings_i.mult_a),
      .mult_b_i    (settings_i.mult_b),
      .shift_i     (settings_i.add_shift),
      .zero_point_i(settings_i.add_zero),
      .low_i       (settings_i.add_low),
      .high_i      (settings_i.add_high),
      .b_i         (other_i[l]),
      .a_i         (part[l]),
      .data_o      (added[l])
    );
  end

  lookup_table #(
    .Columns(Columns)
  ) u_table (
    .clk_i      (clk_i),
    .write_i    (table_write_i),
    .word_i     (word_i),
    .word_data_i(word_data_i),
    .enable_i   (settings_i.table_used),
    .data_i     (added),
    .data_o     (data_o)
  );
endmodule
`default_nettype wire
