// vector_scalars: words of 32 bits: what the vector engine reads from and writes into the scalar registers, and what it
// writes to the scratchpad instead of vectors.
//   Range, Requantize, Sum: the range of sums      SetRegister: an immediate      Update: two counts
//   LoadRegisters: a register a step, in the cycle after the read      StoreRegisters: the register of the step
//   Compare: mark and place of the step's patch      List: the entry of the step's cell; a register a count
// Golden: accel_models.golden.scalars, training, patches, vector.range_. Latency: a range counts four cycles after its
// step; the second count is written when the last value is in stage 5, what a step brings with it, the rest with done_i.
// Combinational paths: step, vectors -> write port, vector_o; done_i -> write_o.
`default_nettype none
module vector_scalars #(
  parameter  int unsigned Columns   = 4,
  localparam int unsigned Registers = accel_pkg::Registers,
  localparam int unsigned IndexW    = $clog2(Registers)
) (
  input  wire logic                       clk_i,
  input  wire logic                       rst_ni,
  input  wire logic                       start_i,     // a command starts; nothing is in flight
  input  wire logic                       done_i,
  input  wire logic                       advance_i,
  // It uses the scalars of the settings, not the rest.
  // verilator lint_off UNUSEDSIGNAL
  input  wire vector_pkg::settings_t      settings_i,
  // verilator lint_on UNUSEDSIGNAL
  // Operands without an image have no third one, and no groups.
  // verilator lint_off UNUSEDSIGNAL
  input  wire vector_pkg::step_t          step_i,      // in stage 1
  // verilator lint_on UNUSEDSIGNAL
  input  wire logic   [Columns-1:0] [7:0] earlier_i,    // vector of the step before it
  input  wire logic   [Columns-1:0] [7:0] vector_i,    // its own
  input  wire logic         [Columns-1:0] unused_i,
  input  wire logic                [31:0] offset_i,    // in the entry of the list that was read last
  input  wire logic   [Columns-1:0][32:0] sums_i,      // of the value; lanes that are not used are 0
  input  wire logic                       counts_i,    // a value is in stage 4; counts if advance_i
  input  wire logic         [Columns-1:0] counted_i,
  input  wire logic         [Columns-1:0] lost_i,
  input  wire logic                       last_i,      // the command's last value is in stage 5
  input  wire logic [Registers-1:0][31:0] registers_i,
  output      logic   [Columns-1:0] [7:0] vector_o,    // what goes on: the vector, or a word
  output      logic                       chosen_o,    // the step's cell goes into the list
  output      logic                       write_o,
  output      logic          [IndexW-1:0] index_o,
  output      logic                [31:0] value_o
);
  logic updates, loads, lists, moves;
  assign updates = settings_i.kind == vector_pkg::KindUpdate;
  assign loads   = settings_i.kind == vector_pkg::KindLoad;
  assign lists   = settings_i.kind == vector_pkg::KindList;
  assign moves   = step_i.valid && (!lists || step_i.count);

  logic [30:0] largest;
  range_maximum #(
    .Columns(Columns)
  ) u_range (
    .clk_i     (clk_i),
    .rst_ni    (rst_ni),
    .clear_i   (start_i),
    .start_i   (settings_i.value[30:0]),
    .positive_i(settings_i.positive),
    .valid_i   (step_i.valid && step_i.emit),
    .sums_i    (sums_i),
    .result_o  (largest)
  );

  logic [31:0] counted_q, lost_q, counted, lost;
  always_comb begin
    counted = '0;
    lost    = '0;
    for (int unsigned l = 0; l < Columns; l++) begin
      counted += 32'(counted_i[l]);
      lost    += 32'(lost_i[l]);
    end
  end
  always_ff @(posedge clk_i) begin
    if (start_i) begin
      counted_q <= 32'(settings_i.second_value);
      lost_q    <= settings_i.value;
    end else if (advance_i && counts_i) begin
      counted_q <= counted_q + counted;
      lost_q    <= lost_q + lost;
    end
  end

  // Registers that are moved, one a step.
  logic [IndexW-1:0] moved_q;
  always_ff @(posedge clk_i) begin
    if (start_i) moved_q <= settings_i.destination;
    else if (moves && advance_i) moved_q <= moved_q + 1'b1;
  end

  // Words that are made here.
  logic [31:0] mark, entry;
  patch_compare #(
    .Columns(Columns)
  ) u_compare (
    .clk_i      (clk_i),
    .start_i    (start_i),
    .threshold_i(settings_i.threshold),
    .output_i   (settings_i.output_address),
    .offset_i   (offset_i),
    .pair_i     (step_i.valid && !step_i.first),
    .last_i     (step_i.emit),
    .advance_i  (advance_i),
    .a_i        (earlier_i),
    .b_i        (vector_i),
    .unused_i   (unused_i),
    .word_o     (mark)
  );
  patch_list #(
    .Columns(Columns)
  ) u_list (
    .clk_i          (clk_i),
    .start_i        (start_i),
    .threshold_i    (settings_i.threshold[7:0]),
    .row_offset_i   (settings_i.row_offset),
    .column_offset_i(settings_i.column_offset),
    .chunk_i        (settings_i.chunk),
    .step_i         (step_i.valid && advance_i),
    .mask_i         (step_i.first),
    .row_end_i      (step_i.row_end),
    .count_i        (step_i.count),
    .data_i         (vector_i),
    .chosen_o       (chosen_o),
    .word_o         (entry)
  );
  // An array of fewer than four columns moves no words.
  // verilator lint_off UNUSEDSIGNAL
  logic [31:0] word;
  // verilator lint_on UNUSEDSIGNAL
  assign word     = lists ? entry : settings_i.inner ? mark : registers_i[moved_q];
  assign vector_o = (settings_i.inner || settings_i.kind == vector_pkg::KindStore) ? (8 * Columns)'(word) : vector_i;

  always_comb begin
    write_o = done_i && settings_i.to_register;
    index_o = settings_i.destination;
    value_o = settings_i.empty ? settings_i.value : updates ? lost_q : {1'b0, largest};
    if (loads || lists) begin
      write_o = moves;
      index_o = moved_q;
      value_o = loads ? 32'(vector_i) : entry;
    end else if (updates && last_i && advance_i) begin
      write_o = 1'b1;
      index_o = settings_i.destination + 1'b1;
      value_o = counted_q;
    end
  end
endmodule
`default_nettype wire
