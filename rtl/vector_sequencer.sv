// vector_sequencer: control of the vector engine, one command after the other.
//   table words, then for each group of `Columns` channels: parameter words, then for y: for x: for ky: for kx: a step
//   wide masters: a window of four steps, of which the first two read, the second an accumulator too
//   Compare: a word, then for x: for group: two steps, for each y; List: for y: for group: a step that reads and a step a
//   lane, at the end a step a count
// Golden: accel_models.golden.vector, training, scalars, patches; cycles: accel_models.cost.
// start in cycle 0; the first word or step in cycle VectorStart; at most one a cycle, all through one read port. done_o
// in the last cycle of the command, VectorDrain after its last step; without anything to do in cycle VectorStart - 1.
// A step is on step_o in the cycle after its read, with its vector. advance_i low holds it there, and no read is made.
// stalled_o marks the cycles that cost does not count.
// Combinational paths: read_ready_i -> sums_read_o, stalled_o; written_i -> done_o.
`default_nettype none
module vector_sequencer #(
  parameter  int unsigned Columns  = 4,
  parameter  int unsigned Entries  = 512,
  localparam int unsigned ColumnsW = $clog2(Columns + 1),
  localparam int unsigned EntryW   = $clog2(Entries)
) (
  input  wire logic                          clk_i,
  input  wire logic                          rst_ni,
  input  wire logic                          start_valid_i,
  output      logic                          start_ready_o,
  // The factors and the output are not for the control.
  // verilator lint_off UNUSEDSIGNAL
  input  wire vector_pkg::settings_t         settings_i,         // of the running command
  // verilator lint_on UNUSEDSIGNAL
  output      logic                          starting_o,         // its first cycle with these settings
  output      logic                          done_o,
  output      logic                          stalled_o,
  input  wire logic                          advance_i,          // the pipeline moves
  input  wire logic                          written_i,          // its last value has arrived
  output      logic                          read_valid_o,       // scratchpad
  input  wire logic                          read_ready_i,
  output      logic                   [19:0] read_address_o,
  output      logic           [ColumnsW-1:0] read_count_o,
  output      logic                          sums_read_o,        // accumulators
  output      logic             [EntryW-1:0] sums_entry_o,
  output      logic                          bad_entry_o,        // there is no such entry
  output      logic                          table_write_o,      // what was read last is a word of the table
  output      logic                          parameter_write_o,  // or of the parameters, or an entry of a list
  output      logic                    [7:0] word_o,             // its number
  output vector_pkg::step_t                  step_o,
  output      logic           [ColumnsW-1:0] lanes_o             // of the group that step_o and the word belong to
);
  typedef enum logic [2:0] {Idle, Start, Table, Parameters, Run, Count, Drain} state_e;

  localparam int unsigned TableWords = (accel_pkg::TableBytes + Columns - 1) / Columns;
  localparam int unsigned TableTail  = accel_pkg::TableBytes - (TableWords - 1) * Columns;
  localparam int unsigned DrainW     = $clog2(accel_pkg::VectorDrain + 1);

  if (accel_pkg::VectorStart != 2 || accel_pkg::VectorDrain != 7) begin : gen_other_pipeline
    $error("VectorStart and VectorDrain: the states here make 2 and 7");
  end

  // States. go: a word or a step. block_end: the last step that the words before it are for.
  state_e              state_q, state_d, first_of_group;
  logic                go, last_word, last_count, empty, in_image, finish, lists;
  logic                tap_row_end, window_end, pixel_end, row_end, group_end, block_end, last;
  logic          [7:0] word_q;
  logic          [5:0] counts_q;  // left
  logic   [DrainW-1:0] drain_q;
  assign start_ready_o  = state_q == Idle;
  assign starting_o     = state_q == Start;
  assign lists          = settings_i.kind == vector_pkg::KindList;
  assign empty          = settings_i.empty && settings_i.chunks == '0;
  assign first_of_group = (settings_i.words != '0) ? Parameters : Run;
  assign last_word      = word_q == ((state_q == Table) ? 8'(TableWords - 1) : 8'(settings_i.words - 4'd1));
  assign last_count     = counts_q == 6'd1;
  assign block_end      = settings_i.inner ? row_end : group_end;
  assign done_o         = (starting_o && empty) || finish;

  always_comb begin
    state_d = state_q;
    finish  = 1'b0;
    unique case (state_q)
      Idle:       if (start_valid_i) state_d = Start;
      Start:      state_d = empty ? Idle : settings_i.empty ? Count : settings_i.table_used ? Table : first_of_group;
      Table:      if (go && last_word) state_d = first_of_group;
      Parameters: if (go && last_word) state_d = Run;
      Run: begin
        if (go && last) state_d = (settings_i.chunks != '0) ? Count : Drain;
        else if (go && block_end) state_d = first_of_group;
      end
      Count:      if (go && last_count) state_d = Drain;
      default: begin  // Drain
        finish = written_i;
        if (written_i) state_d = Idle;
      end
    endcase
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q <= Idle;
      drain_q <= '0;
    end else begin
      state_q <= state_d;
      if (running || counting) drain_q <= DrainW'(accel_pkg::VectorDrain);
      else if (drain_q != '0) drain_q <= drain_q - 1'b1;
    end
  end

  // Reads.
  logic              running, wording, counting, second, third, reading;
  logic       [19:0] pointer_q, address;
  logic       [19:0] word_bytes;
  logic [ColumnsW:0] bytes;  // of a vector of wide masters
  assign running        = state_q == Run;
  assign wording        = state_q == Table || state_q == Parameters;
  assign read_valid_o   = advance_i && (wording || (running && reading));
  assign counting       = state_q == Count;
  assign go             = advance_i && (wording || running || counting) && (read_ready_i || !read_valid_o);
  assign read_address_o = wording ? pointer_q : address;
  assign word_bytes     = settings_i.inner ? 20'(accel_pkg::ListEntryBytes) : 20'(Columns);
  assign bytes          = {lanes, 1'b0};
  assign stalled_o      = (state_q == Drain) ? drain_q == '0 : (wording || running || counting) && !go;

  always_comb begin
    reading      = settings_i.reads && in_image && (!lists || first_tap);
    read_count_o = lanes;
    if (wording) begin
      read_count_o = (state_q == Table && last_word) ? ColumnsW'(TableTail) : ColumnsW'(word_bytes);
    end else if (settings_i.wide && first_tap) begin
      if (bytes > (ColumnsW+1)'(Columns)) read_count_o = ColumnsW'(Columns);
      else read_count_o = bytes[ColumnsW-1:0];
    end else if (settings_i.wide) begin
      reading      = in_image && bytes > (ColumnsW+1)'(Columns);
      read_count_o = ColumnsW'(bytes - (ColumnsW+1)'(Columns));
    end
  end

  always_ff @(posedge clk_i) begin
    if (starting_o) pointer_q <= settings_i.table_used ? settings_i.table_address : settings_i.parameters;
    else if (go && state_q == Table && last_word) pointer_q <= settings_i.parameters;
    else if (go && wording) pointer_q <= pointer_q + word_bytes;
    if (starting_o) word_q <= '0;
    else if (go && wording) word_q <= last_word ? '0 : word_q + 8'd1;
    if (starting_o) counts_q <= settings_i.chunks;
    else if (go && counting) counts_q <= counts_q - 6'd1;
  end

  vector_addresses #(
    .Columns(Columns)
  ) u_addresses (
    .clk_i        (clk_i),
    .start_i      (starting_o),
    .settings_i   (settings_i),
    .step_i       (go && running),
    .second_i     (second),
    .third_i      (third),
    .tap_row_end_i(tap_row_end),
    .window_end_i (window_end),
    .pixel_end_i  (pixel_end),
    .row_end_i    (row_end),
    .group_end_i  (group_end),
    .address_o    (address),
    .inside_o     (in_image)
  );

  logic                first_tap;
  logic          [7:0] kx_left;
  logic [ColumnsW-1:0] lanes;
  loop_nest #(
    .Columns(Columns)
  ) u_loops (
    .clk_i          (clk_i),
    .start_i        (starting_o),
    .inner_i        (settings_i.inner),
    .cells_i        (lists),
    .kernel_width_i (settings_i.kernel_width),
    .kernel_height_i(settings_i.kernel_height),
    .width_i        (settings_i.width),
    .height_i       (settings_i.height),
    .columns_i      (settings_i.columns),
    .step_i         (go && running),
    .first_tap_o    (first_tap),
    .kx_left_o      (kx_left),
    .tap_row_end_o  (tap_row_end),
    .window_end_o   (window_end),
    .pixel_end_o    (pixel_end),
    .row_end_o      (row_end),
    .group_end_o    (group_end),
    .last_o         (last),
    .lanes_o        (lanes)
  );
  assign second = settings_i.second && !first_tap;
  assign third  = second && settings_i.mask && pixel_end;

  // Accumulator entries follow each other: pixels of a group, then the next group.
  logic [12:0] entry_q;  // stops at 4096: no memory has more
  assign sums_read_o  = go && running && settings_i.sums && (!settings_i.wide || kx_left == 8'd3);
  assign sums_entry_o = entry_q[EntryW-1:0];
  assign bad_entry_o  = sums_read_o && entry_q >= 13'(Entries);
  always_ff @(posedge clk_i) begin
    if (starting_o) entry_q <= 13'(settings_i.accumulator);
    else if (sums_read_o && !entry_q[12]) entry_q <= entry_q + 13'd1;
  end

  // With what was read.
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      table_write_o     <= 1'b0;
      parameter_write_o <= 1'b0;
      step_o            <= '0;
    end else begin
      table_write_o     <= go && state_q == Table;
      parameter_write_o <= go && state_q == Parameters;
      if (advance_i) begin
        step_o.valid     <= go && (running || counting);
        step_o.read      <= reading;
        step_o.first     <= first_tap;
        step_o.third     <= third;
        step_o.count     <= counting;
        step_o.emit      <= counting || ((settings_i.wide || lists) ? !first_tap : settings_i.inner ? row_end : pixel_end);
        step_o.row_end   <= row_end;
        step_o.group_end <= group_end;
        step_o.last      <= counting ? last_count : last && settings_i.chunks == '0;
      end
    end
  end
  always_ff @(posedge clk_i) begin
    word_o <= word_q;
    if (advance_i) lanes_o <= lanes;
  end
endmodule
`default_nettype wire
