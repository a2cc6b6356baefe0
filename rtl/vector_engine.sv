// vector_engine: accumulators and images in the scratchpad to images, and to scalar registers.
//   the commands of Engine.VECTOR: accel_models.commands
// Golden: accel_models.golden.vector, training, scalars, patches. Latency: that of accel_models.cost, in
// cycles from start to start when both scratchpad ports are granted at once; every other cycle is marked by stalled_o.
// One vector of `Columns` bytes per cycle. done_o is high in the last cycle of a command: its effects are visible in the
// next, in which the next command may start.
// Pipeline, cycles after the read: 1 operands and bias (vector_operands, requant_lane), 2 product, 3 shift, 4 products of
// the add, 5 its sum and shift (vector_lanes), 6 table, 7 write. It moves as one; a write that has to wait stops it a cycle
// later, so a read never waits for the write of the same cycle.
// Combinational paths: read_ready_i -> sums_read_o, stalled_o, bad_entry_o; write_ready_i -> done_o, register_valid_o;
// read_data_i -> register_value_o.
`default_nettype none
module vector_engine #(
  parameter  int unsigned Columns  = 4,
  parameter  int unsigned Entries  = 512,
  parameter  int unsigned MultW    = 31,  // multiplier precision: 31, or 16 (low half zero)
  localparam int unsigned ColumnsW = $clog2(Columns + 1),
  localparam int unsigned EntryW   = $clog2(Entries)
) (
  input  wire logic                     clk_i,
  input  wire logic                     rst_ni,
  input  wire logic                     start_valid_i,
  output      logic                     start_ready_o,
  input  wire logic             [511:0] command_i,         // register operands replaced by their values
  output      logic                     done_o,
  output      logic                     stalled_o,
  output      logic                     bad_field_o,       // one cycle: golden refuses the command, its result is undefined
  output      logic                     bad_entry_o,       // one cycle: there is no such accumulator entry
  output      logic                     read_valid_o,      // scratchpad, read
  input  wire logic                     read_ready_i,
  output      logic              [19:0] read_address_o,
  output      logic      [ColumnsW-1:0] read_count_o,
  input  wire logic  [Columns-1:0][7:0] read_data_i,       // the cycle after the grant
  output      logic                     write_valid_o,     // scratchpad, write
  input  wire logic                     write_ready_i,
  output      logic              [20:0] write_address_o,   // one beyond 20 bits is 2^20
  output      logic      [ColumnsW-1:0] write_count_o,
  output      logic  [Columns-1:0][7:0] write_data_o,
  output      logic                     sums_read_o,       // accumulators, latency 1, data holds until the next read
  output      logic        [EntryW-1:0] sums_entry_o,
  input  wire logic [Columns-1:0][31:0] sums_data_i,
  input  wire logic        [31:0][31:0] registers_i,       // scalar registers
  output      logic                     register_valid_o,
  output      logic               [4:0] register_index_o,
  output      logic              [31:0] register_value_o
);
  if (Columns < 2 || Entries < 2 || Entries > 4096) begin : gen_bad_size
    $error("want at least 2 columns and 2 to 4096 entries");
  end

  // The command.
  vector_pkg::settings_t settings, settings_q;
  logic                  starting, lists;
  assign lists = settings_q.kind == vector_pkg::KindList;
  vector_decode #(
    .Columns(Columns),
    .MultW  (MultW)
  ) u_decode (
    .command_i (command_i),
    .settings_o(settings)
  );
  always_ff @(posedge clk_i) begin
    if (start_ready_o && start_valid_i) settings_q <= settings;
  end

  // Reads. step: in the stage after the read.
  logic                advance, written, table_write, parameter_write;
  logic          [7:0] word;
  vector_pkg::step_t   step;
  logic [ColumnsW-1:0] lanes;
  vector_sequencer #(
    .Columns(Columns),
    .Entries(Entries)
  ) u_sequencer (
    .clk_i            (clk_i),
    .rst_ni           (rst_ni),
    .start_valid_i    (start_valid_i),
    .start_ready_o    (start_ready_o),
    .settings_i       (settings_q),
    .starting_o       (starting),
    .done_o           (done_o),
    .stalled_o        (stalled_o),
    .advance_i        (advance),
    .written_i        (written),
    .read_valid_o     (read_valid_o),
    .read_ready_i     (read_ready_i),
    .read_address_o   (read_address_o),
    .read_count_o     (read_count_o),
    .sums_read_o      (sums_read_o),
    .sums_entry_o     (sums_entry_o),
    .bad_entry_o      (bad_entry_o),
    .table_write_o    (table_write),
    .parameter_write_o(parameter_write),
    .word_o           (word),
    .step_o           (step),
    .lanes_o          (lanes)
  );

  logic                     bad_parameter;
  logic [Columns-1:0][31:0] bias;
  logic [Columns-1:0][30:0] mult;
  logic  [Columns-1:0][5:0] shift;
  parameter_store #(
    .Columns(Columns),
    .MultW  (MultW)
  ) u_parameters (
    .clk_i  (clk_i),
    .rst_ni (rst_ni),
    .all_i  (starting && settings_q.words != 4'(accel_pkg::ParameterBytes)),
    .bias_i (settings_q.bias),
    .mult_i (settings_q.mult),
    .shift_i(settings_q.shift),
    .write_i(parameter_write),
    .word_i (word[3:0]),
    .data_i (read_data_i),
    .lanes_i(lanes),
    .bad_o  (bad_parameter),
    .bias_o (bias),
    .mult_o (mult),
    .shift_o(shift)
  );
  assign bad_field_o = (starting && settings_q.illegal) || bad_parameter;

  // What goes with the values.
  // Of a list it is told instead that a cell was chosen, and that there is none but a count.
  logic            row_end, group_end, chosen;
  logic [4:0][3:0] ends_q;  // per stage: a value is there; it is the last of a row, of a group, of the command
  assign row_end   = lists ? chosen : step.row_end;
  assign group_end = lists ? step.count : step.group_end;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) ends_q <= '0;
    else if (advance) ends_q <= {ends_q[3:0], step.valid && step.emit, row_end, group_end, step.last};
  end

  // Stages 1 to 5.
  logic                     first_part;
  logic              [31:0] index;
  logic [Columns-1:0][32:0] sums;
  logic [Columns-1:0][31:0] value;
  logic [Columns-1:0][15:0] offset;
  logic  [Columns-1:0][7:0] earlier, other, passed, result;
  logic       [Columns-1:0] zero, counted, lost;
  vector_operands #(
    .Columns(Columns)
  ) u_operands (
    .clk_i      (clk_i),
    .rst_ni     (rst_ni),
    .start_i    (starting),
    .step_i     (step),
    .advance_i  (advance),
    .settings_i (settings_q),
    .lanes_i    (lanes),
    .read_data_i(read_data_i),
    .sums_i     (sums_data_i),
    .value_o    (value),
    .offset_o   (offset),
    .zero_o     (zero),
    .index_o    (index),
    .earlier_o  (earlier),
    .other_o    (other)
  );
  vector_lanes #(
    .Columns(Columns),
    .MultW  (MultW)
  ) u_lanes (
    .clk_i        (clk_i),
    .start_i      (starting),
    .advance_i    (advance),
    .settings_i   (settings_q),
    .bias_i       (bias),
    .mult_i       (mult),
    .shift_i      (shift),
    .value_i      (value),
    .offset_i     (offset),
    .zero_i       (zero),
    .index_i      (index),
    .other_i      (passed),
    .scaled_i     (ends_q[2][3]),
    .table_write_i(table_write),
    .word_i       (word),
    .word_data_i  (read_data_i),
    .sum_o        (sums),
    .counted_o    (counted),
    .lost_o       (lost),
    .first_o      (first_part),
    .data_o       (result)
  );

  // Stage 7.
  vector_writer #(
    .Columns(Columns)
  ) u_writer (
    .clk_i          (clk_i),
    .rst_ni         (rst_ni),
    .start_i        (starting),
    .unwritten_i    (settings_q.unwritten),
    .wide_i         (settings_q.wide),
    .placed_i       (settings_q.inner && !lists),
    .listed_i       (lists),
    .columns_i      (lists ? 16'(accel_pkg::ListEntryBytes) : settings_q.inner ? 16'd1 : settings_q.columns),
    .master_i       (settings_q.input_address),
    .master_stride_i(settings_q.input_row_stride),
    .address_i      (settings_q.output_address),
    .row_stride_i   (settings_q.output_row_stride),
    .pixel_stride_i (settings_q.output_pixel_stride),
    .valid_i        (ends_q[4][3]),
    .row_end_i      (ends_q[4][2]),
    .group_end_i    (ends_q[4][1]),
    .last_i         (ends_q[4][0]),
    .ready_o        (advance),
    .data_i         (result),
    .write_valid_o  (write_valid_o),
    .write_ready_i  (write_ready_i),
    .write_address_o(write_address_o),
    .write_count_o  (write_count_o),
    .write_data_o   (write_data_o),
    .written_o      (written)
  );

  vector_scalars #(
    .Columns(Columns)
  ) u_scalars (
    .clk_i      (clk_i),
    .rst_ni     (rst_ni),
    .start_i    (starting),
    .done_i     (done_o),
    .advance_i  (advance),
    .settings_i (settings_q),
    .step_i     (step),
    .earlier_i  (earlier),
    .vector_i   (other),
    .unused_i   (zero),
    .offset_i   (bias[0]),
    .sums_i     (sums),
    .counts_i   (ends_q[2][3] && first_part),
    .counted_i  (counted),
    .lost_i     (lost),
    .last_i     (ends_q[3][3] && ends_q[3][0]),
    .registers_i(registers_i),
    .vector_o   (passed),
    .chosen_o   (chosen),
    .write_o    (register_valid_o),
    .index_o    (register_index_o),
    .value_o    (register_value_o)
  );
endmodule
`default_nettype wire
